"""A second family of synthetic loops, drawn in the picture's plane, without the first's models."""

from napari_fluoroinject.phantom.planar.catalogue import SPECS
from napari_fluoroinject.phantom.planar.scene import PlanarScene, build_scene, expose

__all__ = ["SPECS", "PlanarScene", "build_scene", "expose"]
