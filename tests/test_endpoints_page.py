"""docs/endpoints.md quotes messages that the product gives, and settings that it reads."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from napari_fluoroinject.settings import parse_settings

PAGE = Path("docs/endpoints.md").read_text(encoding="utf-8")
ENDPOINTS = Path("src/napari_fluoroinject/endpoints")
SETTINGS = Path("src/napari_fluoroinject/settings/__init__.py")


def pieces(path: Path) -> list[str]:
    """Every text of a module, as the parser joins it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


def test_every_message_of_the_table_is_one_that_is_given():
    table = PAGE.partition("## Messages")[2]
    quoted = re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)
    sources = [*sorted(ENDPOINTS.glob("*.py")), SETTINGS]
    known = [piece for path in sources for piece in pieces(path)]
    assert len(quoted) > 20
    assert [one for one in quoted if not any(one in piece for piece in known)] == []


def test_the_settings_of_the_page_are_valid(tmp_path):
    (text,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    settings = parse_settings(text, path=tmp_path / "fluoroinject.toml")
    assert settings.endpoint("web").token_file == tmp_path / "tls/token"
    assert settings.endpoint("archive").verify == "commitment"


def test_the_page_is_linked_from_the_readme():
    assert "docs/endpoints.md" in Path("README.md").read_text(encoding="utf-8")
