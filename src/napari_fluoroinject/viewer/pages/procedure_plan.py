"""Level, side, contrast agent and needle: each edit is one step that can be undone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, get_args

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QFormLayout, QLineEdit, QSizePolicy

from napari_fluoroinject.model.annotation import AgentKind, ContrastAgent
from napari_fluoroinject.model.drawing import NEEDLE_DIAMETER_MM
from napari_fluoroinject.model.geometry import Side
from napari_fluoroinject.viewer.pages.page import Page
from napari_fluoroinject.viewer.pages.said import Sentence, choice
from napari_fluoroinject.viewer.planning import levels_of, plan_fault, side_words

if TYPE_CHECKING:
    from napari_fluoroinject.viewer.bench import Bench
    from napari_fluoroinject.viewer.draft import Plan

_NOT_SAID = "not said"


class PlanForm(Page):
    """What holds for all runs of the study; what is not said stays not said."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        self.level = choice("Level", "Level of the procedure's region")
        self.side = choice("Side", "The patient's side; never taken from the picture")
        self.agent = QLineEdit()
        self.agent.setPlaceholderText(_NOT_SAID)
        self.agent.setMaxLength(64)
        self.agent.setToolTip("Name of the contrast agent, as on its label")
        self.agent.setAccessibleName("Contrast agent")
        self.kind = choice("Kind of agent", "Iodinated, gadolinium or other")
        self.iodine = _number("Iodine", "mg iodine in 1 mL, as on the label", " mg I/mL", 500, 0)
        self.volume = _number("Contrast volume", "Contrast injected in this run", " mL", 100, 1)
        self.gauge = choice("Needle gauge", "Gauge of the needle; it can give a scale")
        self.length = _number("Needle length", "From hub to tip", " mm", 300, 1)
        self.said = Sentence(name="what cannot be so")
        self.side_said = Sentence(name="what the files say of the side")
        _fill(self.side, list(get_args(Side)))
        _fill(self.kind, list(get_args(AgentKind)))
        _fill(self.gauge, [f"{gauge} G" for gauge in NEEDLE_DIAMETER_MM])
        self._lay_out()
        self._connect()
        signals = bench.session.signals
        self.listen(signals.draft, self.refresh)
        self.listen(signals.shown, self.refresh)
        self.listen(signals.runs, self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the plan as it is now."""
        session, plan = self.bench.session, self.bench.session.plan
        agent = plan.agent or ContrastAgent()
        _fill(self.level, list(levels_of(session.procedure.region)))
        for box, value in (
            (self.level, plan.level),
            (self.side, plan.side),
            (self.kind, agent.kind),
            (self.gauge, None if plan.gauge is None else f"{plan.gauge} G"),
        ):
            box.setCurrentIndex(max(box.findText(value), 0) if value else 0)
        self.agent.setText(agent.name or "")
        for spin, amount in (
            (self.iodine, agent.iodine_mg_ml),
            (self.volume, agent.volume_ml),
            (self.length, plan.needle_length_mm),
        ):
            spin.blockSignals(True)
            spin.setValue(amount or 0.0)
            spin.blockSignals(False)
        self.iodine.setEnabled(agent.kind != "gadolinium")
        self.setEnabled(session.run is not None)
        shown = session.run
        recorded = [
            (run.name, run.loop.laterality)
            for run in session.runs
            if shown is not None and run.study_uid == shown.study_uid
        ]
        self.side_said.say(side_words(plan.side, recorded))

    def _take(self, label: str, plan: Plan) -> None:
        if plan == self.bench.session.plan:
            return
        wrong = plan_fault(plan, self.bench.session.procedure)
        self.said.say(wrong)
        if wrong:
            self.refresh()
        else:
            self.bench.session.plan_as(label, plan)

    def _take_level(self) -> None:
        level = _chosen(self.level)
        self._take("say the level", replace(self.bench.session.plan, level=level))

    def _take_side(self) -> None:
        side: Side | None = next((s for s in get_args(Side) if s == _chosen(self.side)), None)
        self._take("say the side", replace(self.bench.session.plan, side=side))

    def _take_gauge(self) -> None:
        chosen = _chosen(self.gauge)
        gauge = None if chosen is None else int(chosen.split()[0])
        self._take("say the needle's gauge", replace(self.bench.session.plan, gauge=gauge))

    def _take_length(self) -> None:
        plan = replace(self.bench.session.plan, needle_length_mm=self.length.value() or None)
        self._take("say the needle's length", plan)

    def _take_agent(self) -> None:
        kind: AgentKind | None = next(
            (one for one in get_args(AgentKind) if one == _chosen(self.kind)), None
        )
        agent = ContrastAgent(
            name=self.agent.text().strip() or None,
            kind=kind,
            iodine_mg_ml=self.iodine.value() or None,
            volume_ml=self.volume.value() or None,
        )
        told = None if agent == ContrastAgent() else agent
        self._take("say the contrast agent", replace(self.bench.session.plan, agent=told))

    def _connect(self) -> None:
        for box, take in (
            (self.level, self._take_level),
            (self.side, self._take_side),
            (self.kind, self._take_agent),
            (self.gauge, self._take_gauge),
        ):
            box.activated.connect(lambda _index, take=take: take())
        self.agent.editingFinished.connect(self._take_agent)
        self.iodine.editingFinished.connect(self._take_agent)
        self.volume.editingFinished.connect(self._take_agent)
        self.length.editingFinished.connect(self._take_length)

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        for words, widget in (
            ("Level", self.level),
            ("Side", self.side),
            ("", self.side_said),
            ("Agent", self.agent),
            ("Kind", self.kind),
            ("Iodine", self.iodine),
            ("Volume", self.volume),
            ("Gauge", self.gauge),
            ("Length", self.length),
        ):
            form.addRow(words, widget)
        self.column.setContentsMargins(0, 0, 0, 0)
        self.column.addLayout(form)
        self.column.addWidget(self.said)


def _fill(box: QComboBox, texts: list[str]) -> None:
    if [box.itemText(at) for at in range(1, box.count())] != texts:
        box.clear()
        box.addItems([_NOT_SAID, *texts])


def _chosen(box: QComboBox) -> str | None:
    return box.currentText() if box.currentIndex() > 0 else None


def _number(name: str, tip: str, unit: str, most: float, decimals: int) -> QDoubleSpinBox:
    made = QDoubleSpinBox()
    made.setRange(0, most)
    made.setDecimals(decimals)
    made.setSuffix(unit)
    # nothing is nothing: the lowest value stands for what nobody said
    made.setSpecialValueText(_NOT_SAID)
    made.setToolTip(tip)
    made.setAccessibleName(name)
    made.setKeyboardTracking(False)
    made.setAlignment(Qt.AlignmentFlag.AlignLeft)
    made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return made
