"""Small pictures of the transport's buttons, drawn in the colour of text."""

from __future__ import annotations

from typing import Literal

from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QIcon, QPainter, QPainterPath, QPen, QPixmap

from napari_fluoroinject.rendering import palette

Glyph = Literal["play", "pause", "back", "on", "first", "last", "loop", "once"]
_SIDE = 64
"""Pixels in which they are drawn; Qt makes them smaller, so that they are sharp on any screen."""


def icon(glyph: Glyph) -> QIcon:
    """The picture of a button; needs an application."""
    pixmap = QPixmap(_SIDE, _SIDE)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.scale(_SIDE / 16, _SIDE / 16)
    if glyph == "loop":
        painter.setPen(QPen(QColor(palette.TEXT), 1.8))
        painter.drawArc(QRectF(3, 3, 10, 10), 30 * 16, 280 * 16)
    painter.fillPath(_path(glyph), QColor(palette.TEXT))
    painter.end()
    return QIcon(pixmap)


def _path(glyph: Glyph) -> QPainterPath:
    path = QPainterPath()
    if glyph == "play":
        _triangle(path, (4, 2), (4, 14), (14, 8))
    elif glyph == "pause":
        path.addRect(4, 2, 3, 12)
        path.addRect(9, 2, 3, 12)
    elif glyph == "back":
        _triangle(path, (11, 3), (11, 13), (4, 8))
    elif glyph == "on":
        _triangle(path, (5, 3), (5, 13), (12, 8))
    elif glyph == "first":
        path.addRect(2, 3, 2, 10)
        _triangle(path, (13, 3), (13, 13), (5, 8))
    elif glyph == "once":
        path.addRect(2, 7, 7, 2)
        _triangle(path, (7, 4), (7, 12), (12, 8))
        path.addRect(12.5, 3, 2, 10)
    elif glyph == "last":
        _triangle(path, (3, 3), (3, 13), (11, 8))
        path.addRect(12, 3, 2, 10)
    else:
        _triangle(path, (9, 4), (15, 4), (12, 8.5))
    return path


def _triangle(path: QPainterPath, *corners: tuple[float, float]) -> None:
    path.moveTo(QPointF(*corners[-1]))
    for corner in corners:
        path.lineTo(QPointF(*corner))
    path.closeSubpath()
