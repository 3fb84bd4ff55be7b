"""Every check by itself: what one does, raises or dies of is a finding, and the others go on."""

from __future__ import annotations

import os
import tempfile
from importlib import import_module
from pathlib import Path

import pytest

from scenesort.health import SELF_TEST, Check, Finding, Request, Secrets, examine, standard_checks, worst

REQUEST = Request("balanced", Path())


def check(function: str, **others: object) -> Check:
    return Check(function, "failing_checks", function, **others)  # type: ignore[arg-type]


def test_each_way_to_fail_is_a_finding_and_the_others_go_on() -> None:
    checks = [
        check("good"),
        check("raises", argument="no such symbol", failure="warning", remedy="do this"),
        check("crashes"),
        check("exits"),
        check("hangs", limit_s=0.3),
        check("raises_ours"),
        check("absent"),
        Check("lost", "no_such_module", "good"),
        check("good"),
    ]
    found = list(examine(REQUEST, checks))
    assert [finding.check for finding in found] == [
        *("good", "raises", "crashes", "exits", "hangs", "raises_ours", "absent", "lost", "good")
    ]
    assert [finding.state for finding in found] == ["ok", "warning", *["problem"] * 6, "ok"]
    _, raised, crashed, exited, hung, ours, absent, lost, last = found
    assert raised.text == "failed at 'the delicate part' after 0 s: RuntimeError: no such symbol"
    assert raised.remedy == "do this"
    assert "'the native part'" in crashed.text
    assert "SIGSEGV" in crashed.text
    assert "exit code 3" in exited.text
    assert "'waiting'" in hung.text
    assert "time limit of 0.3 s" in hung.text
    assert ours.text.endswith("weights 'x' are damaged; fetch them")
    assert "AttributeError" in absent.text
    assert "no_such_module" in lost.text
    assert last.values["pid"] != os.getpid()


def test_checks_in_this_process_work_where_no_process_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryDirectory", full)
    checks = [check("good"), check("good", in_child=False), check("needs_a_lost_disk", in_child=False)]
    in_child, here, lost = examine(REQUEST, checks)
    assert in_child.state == lost.state == "problem"
    assert "No space left on device" in in_child.text
    assert "No space left on device" in lost.text
    assert here.values["pid"] == os.getpid()


def test_secrets_are_taken_out_of_every_text() -> None:
    secret = "bad /home/alice/x of alice on wonderland"
    secrets = Secrets((("/home/alice", "<home folder>"),), (("alice", "<user>"), ("wonderland", "<host>")))
    (plain,) = examine(REQUEST, [check("tells_secrets", argument=secret)])
    assert plain.text == secret
    (hidden,) = examine(REQUEST, [check("tells_secrets", argument=secret)], secrets)
    for text in (hidden.text, hidden.remedy, hidden.values["detail"]):
        assert "alice" not in str(text)
        assert "wonderland" not in str(text)
        assert "bad <home folder>" in str(text)
    assert hidden.values["number"] == 1.5


def test_long_messages_are_cut_and_stand_on_one_line() -> None:
    (found,) = examine(REQUEST, [check("raises", argument="word\n" * 1000)])
    assert len(found.text) < 400
    assert "\n" not in found.text
    assert found.text.endswith("…")


def test_who_waits_is_told_what_begins() -> None:
    begun = []
    list(examine(REQUEST, [check("good"), check("raises_ours")], before=lambda each: begun.append(each.name)))
    assert begun == ["good", "raises_ours"]


def test_all_standard_checks_exist_and_the_self_test_is_the_last() -> None:
    checks = standard_checks()
    assert all(callable(getattr(import_module(each.home), each.function)) for each in checks)
    assert checks[-1].name == SELF_TEST
    assert standard_checks(self_test=False) == checks[:-1]


def test_the_worst_state_counts() -> None:
    def of(*states: str) -> list[Finding]:
        return [Finding("x", state, "") for state in states]  # type: ignore[arg-type]

    assert worst([]) == "ok"
    assert worst(of("ok", "warning", "ok")) == "warning"
    assert worst(of("problem", "warning")) == "problem"
