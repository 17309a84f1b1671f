"""Private codes of the patterns that procedures expect: code value, words, the pattern's id."""

from __future__ import annotations

PATTERN_TERMS = (
    ("spread-epi-il", "Epidural spread, interlaminar", "epidural_interlaminar"),
    ("spread-epi-tf", "Epidural spread, transforaminal", "epidural_transforaminal"),
    ("spread-epi-caud", "Epidural spread, caudal", "epidural_caudal"),
    ("facet-arthrogram", "Facet arthrogram", "facet_arthrogram"),
    ("pool-on-bone", "Pool on bone", "medial_branch_pool"),
    ("si-arthrogram", "Sacroiliac arthrogram", "si_arthrogram"),
    ("prevertebral", "Prevertebral sheet, cervicothoracic", "stellate_spread"),
    ("anterior-column", "Column along the anterior margin", "lumbar_sympathetic_spread"),
)
STATE_TERMS = (
    ("pattern-shown", "Its features are shown", "Other spread or vessels are not excluded by it."),
    ("pattern-short", "Not all its features are shown", "In this view; another may show them."),
    ("pattern-unjudged", "Not judged", "Why stands beside it in words."),
)
