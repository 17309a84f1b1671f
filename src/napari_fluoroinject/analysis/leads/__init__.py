"""Stimulator leads: contacts found, ordered, and compared between examinations."""

from __future__ import annotations

from napari_fluoroinject.analysis.leads.find import find_leads, leads_in

__all__ = ["find_leads", "leads_in"]
