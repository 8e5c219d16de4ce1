"""The circuits that stages measure: the fitted device as synapse and inside neurons, at the study's operating point."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import numpy as np

from mho.circuits.neurons import NEURONS, AbstractNeuron, DelayFeedbackLIF, Excitability
from mho.circuits.synapses import FacilitatingSynapse
from mho.studies.execution import Context
from mho.studies.stages.measurement import floor_set


def plain_neuron(context: Context) -> DelayFeedbackLIF:
    """The delay-feedback neuron without an ECRAM."""
    return DelayFeedbackLIF(v_supply=context.study.supply, v_delay=context.study.delay_control)


def neuron(context: Context) -> DelayFeedbackLIF:
    """The delay-feedback neuron with the fitted ECRAM in its reset path."""
    study = context.study
    inside = Excitability(floor_set(context).device())
    return DelayFeedbackLIF(v_supply=study.supply, v_delay=study.delay_control, excitability=inside)


def neurons(context: Context) -> dict[str, AbstractNeuron]:
    """Every topology asked for, with the fitted ECRAM inside."""
    inside = Excitability(floor_set(context).device())
    return {
        name: NEURONS[name](v_supply=context.study.supply, excitability=inside) for name in context.study.topologies
    }  # type: ignore[call-arg]


def synapse(context: Context) -> FacilitatingSynapse:
    """The ECRAM synapse, its gate driver's supply as the synapse stage found it."""
    v_gate = context.handover("synapse")["v_gate"]
    return with_gate_supply(FacilitatingSynapse(floor_set(context).device(), v_supply=context.study.supply), v_gate)


def with_gate_supply(module: Any, v_gate: float) -> Any:
    """The same with another supply of the gate's driver [V]."""
    return eqx.tree_at(lambda m: m.v_gate, module, np.asarray(v_gate, np.float64))
