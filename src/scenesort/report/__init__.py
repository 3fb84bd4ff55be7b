"""What people look at: aligned cameras and evaluations as pages, pictures and 3-D files."""
