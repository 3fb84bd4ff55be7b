"use strict";
(function () {
  const byId = (id) => document.getElementById(id);
  const frame = byId("view"), tip = byId("tip"), choice = byId("scenes"), list = document.querySelector("#photos tbody");
  const toggles = [...document.querySelectorAll("[data-part]")];
  const NEAR_PX = 22, STILL_PX = 6;
  const THICKNESS = { true: 0.008, estimated: 0.016, other: 0.008, error: 0.011, chosen: 0.024 };
  let data = null, chosen = null, parts = {}, pyramids = [], queued = false;

  // Drawing. Without WebGL the lists, numbers and photos still work.
  let renderer = null;
  try {
    renderer = new THREE.WebGLRenderer({ antialias: true });
    frame.append(renderer.domElement);
  } catch (error) {
    const notice = document.createElement("p");
    notice.className = "notice";
    notice.textContent = "This browser draws no WebGL, so the cameras can't be shown; the list beside still works.";
    frame.append(notice);
  }
  const world = new THREE.Scene();
  world.background = new THREE.Color("#ffffff");
  const eye = new THREE.PerspectiveCamera(40, 1, 0.01, 1000);
  const raycaster = new THREE.Raycaster();
  const orbit = { target: new THREE.Vector3(), distance: 1, turn: 0, tilt: 0 };

  function refresh() {
    if (queued || !renderer) return;
    queued = true;
    requestAnimationFrame(() => {
      queued = false;
      const level = Math.cos(orbit.tilt) * orbit.distance;
      eye.position.set(Math.sin(orbit.turn) * level, Math.sin(orbit.tilt) * orbit.distance, Math.cos(orbit.turn) * level);
      eye.position.add(orbit.target);
      eye.near = orbit.distance / 200;
      eye.far = orbit.distance * 20 + (data ? data.radius * 20 : 0);
      eye.lookAt(orbit.target);
      eye.updateProjectionMatrix();
      renderer.render(world, eye);
    });
  }

  function resize() {
    if (!renderer) return;
    const width = frame.clientWidth, height = frame.clientHeight;
    renderer.setPixelRatio(Math.min(window.devicePixelRatio || 1, 2));
    renderer.setSize(width, height);
    eye.aspect = width / Math.max(height, 1);
    refresh();
  }

  function goHome() {
    orbit.target.set(0, 0, 0);
    orbit.turn = -0.55;
    orbit.tilt = 0.45;
    orbit.distance = (1.02 * data.radius) / Math.sin((Math.PI / 180) * 20) / Math.min(1, eye.aspect);
    refresh();
  }

  const points = (flat) => {
    const found = [];
    for (let i = 0; i < flat.length; i += 3) found.push(new THREE.Vector3(flat[i], flat[i + 1], flat[i + 2]));
    return found;
  };

  // Lines are thin tubes when near, and at least a pixel wide when far.
  function addLines(group, segments, thickness) {
    const used = segments.filter(([from, to]) => from.distanceTo(to) > 0);
    if (!used.length) return;
    const tube = new THREE.CylinderGeometry(1, 1, 1, 6, 1, true);
    const tubes = new THREE.InstancedMesh(tube, new THREE.MeshBasicMaterial(), used.length);
    const up = new THREE.Vector3(0, 1, 0), colour = new THREE.Color();
    const positions = [], colours = [];
    used.forEach(([from, to, css], index) => {
      const along = to.clone().sub(from), length = along.length();
      const turn = new THREE.Quaternion().setFromUnitVectors(up, along.divideScalar(length));
      const middle = from.clone().add(to).multiplyScalar(0.5);
      tubes.setMatrixAt(index, new THREE.Matrix4().compose(middle, turn, new THREE.Vector3(thickness, length, thickness)));
      tubes.setColorAt(index, colour.set(css));
      positions.push(...from.toArray(), ...to.toArray());
      colours.push(...colour.toArray(), ...colour.toArray());
    });
    tubes.frustumCulled = false;
    const thin = new THREE.BufferGeometry();
    thin.setAttribute("position", new THREE.Float32BufferAttribute(positions, 3));
    thin.setAttribute("color", new THREE.Float32BufferAttribute(colours, 3));
    group.add(tubes, new THREE.LineSegments(thin, new THREE.LineBasicMaterial({ vertexColors: true })));
  }

  function addPhoto(group, corners, address) {
    const texture = new THREE.Texture(), picture = new Image();
    texture.minFilter = THREE.LinearFilter;
    texture.generateMipmaps = false;
    picture.onload = () => {
      texture.image = picture;
      texture.needsUpdate = true;
      refresh();
    };
    picture.src = address;
    const shape = new THREE.BufferGeometry();
    shape.setAttribute("position", new THREE.Float32BufferAttribute(corners.slice(1, 5).flatMap((p) => p.toArray()), 3));
    shape.setAttribute("uv", new THREE.Float32BufferAttribute([0, 1, 1, 1, 1, 0, 0, 0], 2));
    shape.setIndex([0, 3, 2, 0, 2, 1]);
    const look = { map: texture, side: THREE.DoubleSide, polygonOffset: true, polygonOffsetFactor: 2, polygonOffsetUnits: 2 };
    group.add(new THREE.Mesh(shape, new THREE.MeshBasicMaterial(look)));
  }

  function addPyramid(camera, corners) {
    const shape = new THREE.BufferGeometry();
    shape.setAttribute("position", new THREE.Float32BufferAttribute(corners.slice(0, 5).flatMap((p) => p.toArray()), 3));
    shape.setIndex([0, 1, 2, 0, 2, 3, 0, 3, 4, 0, 4, 1, 1, 2, 3, 1, 3, 4]);
    const pyramid = new THREE.Mesh(shape, new THREE.MeshBasicMaterial({ side: THREE.DoubleSide }));
    pyramid.userData = { camera, center: corners[0] };
    pyramids.push(pyramid);
  }

  function clear() {
    world.traverse((thing) => {
      if (thing.geometry) thing.geometry.dispose();
      if (thing.material) {
        if (thing.material.map) thing.material.map.dispose();
        thing.material.dispose();
      }
    });
    world.clear();
    parts = {};
    pyramids = [];
  }

  function build() {
    clear();
    for (const name of ["true", "estimated", "other", "error", "photo", "chosen"]) {
      parts[name] = new THREE.Group();
      world.add(parts[name]);
    }
    // A photo goes where its frustum goes.
    const photos = { true: new THREE.Group(), estimated: new THREE.Group(), other: new THREE.Group() };
    parts.photos = photos;
    parts.photo.add(photos.true, photos.estimated, photos.other);
    const segments = { true: [], estimated: [], other: [] };
    for (const camera of data.cameras) {
      const corners = points(camera.corners);
      for (const [from, to] of data.edges) segments[camera.group].push([corners[from], corners[to], camera.colour]);
      if (camera.pictured) addPhoto(photos[camera.group], corners, data.thumbnails[camera.photo]);
      addPyramid(camera, corners);
    }
    for (const group of Object.keys(segments)) addLines(parts[group], segments[group], THICKNESS[group] * data.depth);
    const joins = data.joins.map((join) => [...points(join.ends), join.colour]);
    addLines(parts.error, joins, THICKNESS.error * data.depth);
    showParts();
  }

  const isShown = (part) => toggles.find((box) => box.dataset.part === part).checked;

  function showParts() {
    for (const box of toggles) parts[box.dataset.part].visible = box.checked;
    for (const group of Object.keys(parts.photos)) parts.photos[group].visible = isShown(group);
    refresh();
  }

  // The chosen photo: its frusta and its line are drawn thick, its numbers shown.
  function choose(photo) {
    chosen = photo;
    const group = parts.chosen;
    for (const thing of [...group.children]) {
      thing.geometry.dispose();
      thing.material.dispose();
      group.remove(thing);
    }
    const thick = [];
    if (photo !== null) {
      for (const camera of data.cameras.filter((each) => each.photo === photo && isShown(each.group))) {
        const corners = points(camera.corners);
        for (const [from, to] of data.edges) thick.push([corners[from], corners[to], camera.colour]);
      }
      for (const join of data.joins.filter((each) => each.photo === photo)) thick.push([...points(join.ends), join.colour]);
    }
    addLines(group, thick, THICKNESS.chosen * data.depth);
    refresh();
    byId("chosen").hidden = photo === null;
    for (const row of list.rows) row.classList.toggle("chosen", Number(row.dataset.photo) === photo);
    if (photo === null) return;
    const found = data.photos[photo], picture = byId("chosen-photo");
    if (photo in data.thumbnails) picture.src = data.thumbnails[photo];
    else picture.removeAttribute("src");
    byId("chosen-name").textContent = found.name;
    byId("chosen-error").textContent = shown(found.error, 3);
    byId("chosen-accuracy").textContent = found.accuracy === null ? "-" : percent(found.accuracy);
    byId("chosen-state").textContent = found.status;
  }

  const shown = (value, digits) => (value === null ? "-" : String(Number(value.toPrecision(digits))));
  const percent = (share) => `${Math.round(100 * share)} %`;

  function fillList() {
    const colourOf = {};
    for (const camera of data.cameras) if (camera.group !== "true") colourOf[camera.photo] = camera.colour;
    const order = data.photos.map((_, index) => index);
    const badness = (index) => {
      const photo = data.photos[index];
      return photo.error !== null ? photo.error : photo.accuracy === null ? -1 : Infinity;
    };
    order.sort((a, b) => (badness(a) === badness(b) ? a - b : badness(b) - badness(a)));
    list.replaceChildren(...order.map((index) => {
      const photo = data.photos[index], row = document.createElement("tr");
      row.dataset.photo = index;
      row.tabIndex = 0;
      const cells = [photo.name, shown(photo.error, 2), photo.accuracy === null ? "-" : percent(photo.accuracy)];
      row.append(...cells.map((text) => {
        const cell = document.createElement("td");
        cell.textContent = text;
        return cell;
      }));
      const dot = document.createElement("i");
      dot.style.background = colourOf[index] || "transparent";
      row.cells[0].prepend(dot);
      row.title = photo.status;
      row.addEventListener("click", () => choose(index));
      row.addEventListener("keydown", (event) => event.key === "Enter" && choose(index));
      return row;
    }));
  }

  function fillMarks() {
    let last = -1;
    byId("marks").replaceChildren(...data.marks.map((mark) => {
      const label = document.createElement("span");
      label.style.left = `${100 * mark.at}%`;
      label.className = mark.chosen ? "chosen" : "";
      // Labels that would run into their neighbour are left out; the marks stay.
      const fits = mark.chosen || mark.at - last > 0.15;
      label.textContent = fits ? mark.text : "\u00a0";
      if (fits) last = mark.at;
      return label;
    }));
  }

  function load(number) {
    data = JSON.parse(byId(`scene-${number}`).textContent);
    choice.value = String(number);
    byId("words").textContent = data.words;
    const hasOthers = data.cameras.some((camera) => camera.group === "other");
    byId("others").hidden = byId("other-key").hidden = !hasOthers;
    build();
    fillList();
    fillMarks();
    choose(null);
    goHome();
  }

  // Which camera is under a point of the page: the frustum that is hit first, else the nearest centre.
  function under(event) {
    if (!renderer) return null;
    const box = frame.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
    const place = new THREE.Vector2((2 * x) / box.width - 1, 1 - (2 * y) / box.height);
    const seen = pyramids.filter((pyramid) => isShown(pyramid.userData.camera.group));
    raycaster.setFromCamera(place, eye);
    const [hit] = raycaster.intersectObjects(seen, false);
    if (hit) return hit.object.userData.camera.photo;
    let best = null, nearest = NEAR_PX;
    for (const pyramid of seen) {
      const at = pyramid.userData.center.clone().project(eye);
      const distance = Math.hypot(((at.x + 1) * box.width) / 2 - x, ((1 - at.y) * box.height) / 2 - y);
      if (at.z < 1 && distance < nearest) [best, nearest] = [pyramid.userData.camera.photo, distance];
    }
    return best;
  }

  // One finger or button turns, two fingers or another button move, wheel and pinch bring nearer.
  const fingers = new Map();
  let travelled = 0;

  function move(dx, dy) {
    const step = (2 * orbit.distance * Math.tan((Math.PI / 180) * 20)) / Math.max(frame.clientHeight, 1);
    const right = new THREE.Vector3().setFromMatrixColumn(eye.matrixWorld, 0);
    const up = new THREE.Vector3().setFromMatrixColumn(eye.matrixWorld, 1);
    orbit.target.addScaledVector(right, -dx * step).addScaledVector(up, dy * step);
  }

  function zoom(factor) {
    orbit.distance = Math.min(Math.max(orbit.distance * factor, 0.02 * data.depth), 200 * data.radius);
  }

  frame.addEventListener("pointerdown", (event) => {
    if (fingers.size === 0) travelled = 0;
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    frame.setPointerCapture(event.pointerId);
    tip.hidden = true;
  });
  frame.addEventListener("pointermove", (event) => {
    const finger = fingers.get(event.pointerId);
    if (!finger) return point(event);
    const dx = event.clientX - finger.x, dy = event.clientY - finger.y;
    travelled += Math.abs(dx) + Math.abs(dy);
    if (fingers.size >= 2) {
      const [other] = [...fingers].filter(([id]) => id !== event.pointerId).map(([, each]) => each);
      const before = Math.hypot(finger.x - other.x, finger.y - other.y);
      const after = Math.hypot(event.clientX - other.x, event.clientY - other.y);
      if (after > 0 && before > 0) zoom(before / after);
      move(dx / 2, dy / 2);
    } else if (event.buttons & 6 || event.shiftKey || event.ctrlKey) {
      move(dx, dy);
    } else {
      orbit.turn -= dx * 0.008;
      orbit.tilt = Math.min(Math.max(orbit.tilt + dy * 0.008, -1.55), 1.55);
    }
    finger.x = event.clientX;
    finger.y = event.clientY;
    refresh();
  });
  frame.addEventListener("pointerup", (event) => {
    const isTap = fingers.size === 1 && travelled < STILL_PX && event.button === 0;
    fingers.delete(event.pointerId);
    if (isTap) choose(under(event));
  });
  frame.addEventListener("pointercancel", (event) => fingers.delete(event.pointerId));
  frame.addEventListener("pointerleave", () => (tip.hidden = true));
  frame.addEventListener("contextmenu", (event) => event.preventDefault());
  frame.addEventListener("wheel", (event) => {
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 30 : 1;
    zoom(Math.exp(Math.min(Math.max(event.deltaY * lines, -200), 200) * 0.0015));
    refresh();
  }, { passive: false });

  function point(event) {
    if (event.pointerType === "touch") return;
    const photo = under(event);
    tip.hidden = photo === null;
    frame.style.cursor = photo === null ? "grab" : "pointer";
    if (photo === null) return;
    const found = data.photos[photo], box = frame.getBoundingClientRect();
    tip.textContent = found.error === null ? `${found.name}: ${found.status}` : `${found.name}: ${shown(found.error, 3)}`;
    tip.style.left = `${event.clientX - box.left}px`;
    tip.style.top = `${event.clientY - box.top}px`;
  }

  for (const box of toggles) box.addEventListener("change", () => {
    showParts();
    choose(chosen);
  });
  byId("home").addEventListener("click", goHome);
  choice.addEventListener("change", () => {
    location.hash = choice.selectedOptions[0].dataset.address;
  });
  const isTouch = window.matchMedia("(pointer: coarse)").matches;
  byId("hint").textContent = isTouch
    ? "drag to turn, two fingers to move and zoom, tap a camera"
    : "drag to turn, right button to move, wheel to zoom, click a camera";

  // The address names the scene, so that other pages can lead to it: #collection/scene.
  function follow() {
    const found = [...choice.options].findIndex((option) => `#${option.dataset.address}` === location.hash);
    load(Math.max(found, 0));
  }
  window.addEventListener("hashchange", follow);
  window.addEventListener("resize", resize);
  resize();
  follow();
})();
