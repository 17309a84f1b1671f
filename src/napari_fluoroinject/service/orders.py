"""What a process of the service is told when it is started, as one line of JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from napari_fluoroinject.settings import Settings, load_settings


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Orders:
    """Where to work and by which settings.

    Attributes
    ----------
    root
        Folder of the spool.
    config
        The settings file; None = there is none.
    service
        What was said on the command line in place of the file's `[service]`.
    port
        Of the receiver on this machine, for health; 0 = there is none.
    verbose
        Whether the log has a line for every object too.
    """

    root: Path
    config: Path | None = None
    service: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    port: int = 0
    verbose: bool = False

    def text(self) -> str:
        """Return it as one line of JSON."""
        config = None if self.config is None else str(self.config)
        told = {
            "root": str(self.root),
            "config": config,
            "port": self.port,
            "verbose": self.verbose,
        }
        return json.dumps(told | {"service": dict(self.service)})

    @classmethod
    def read(cls, line: str | bytes) -> Orders:
        """Return what `text` gave."""
        told = json.loads(line)
        config = None if told["config"] is None else Path(told["config"])
        return cls(
            root=Path(told["root"]),
            config=config,
            service=told["service"],
            port=told["port"],
            verbose=told["verbose"],
        )

    def settings(self) -> Settings:
        """Return the site's settings with what was said in place of some.

        Raises
        ------
        SettingsError
            The file is not valid.
        """
        settings = Settings() if self.config is None else load_settings(self.config)
        return replace(settings, service=replace(settings.service, **self.service))
