"""Synthetic cine loops of fluoroscopy-guided injections, with known truth."""

from napari_fluoroinject.phantom.catalogue import scenes
from napari_fluoroinject.phantom.phantom import Phantom, expose, make_phantom
from napari_fluoroinject.phantom.scene import Scene, build_scene
from napari_fluoroinject.phantom.settings import PhantomSettings
from napari_fluoroinject.phantom.truth import Truth

__all__ = [
    "Phantom",
    "PhantomSettings",
    "Scene",
    "Truth",
    "build_scene",
    "expose",
    "make_phantom",
    "scenes",
]
