"""Neuron circuits. `NEURONS` is the registry; one line there buys the conformance suite."""

from mho.circuits.neurons.axon_hillock import AxonHillock as AxonHillock
from mho.circuits.neurons.comparator import ComparatorLIF as ComparatorLIF
from mho.circuits.neurons.delay_feedback import DelayFeedbackLIF as DelayFeedbackLIF
from mho.circuits.neurons.neuron import AbstractNeuron as AbstractNeuron
from mho.circuits.neurons.neuron import Excitability as Excitability
from mho.circuits.neurons.schmitt import SchmittTrigger as SchmittTrigger
from mho.circuits.neurons.threshold_switch import ThresholdSwitch as ThresholdSwitch
from mho.devices.switches.volatile_switch import VolatileSwitch as VolatileSwitch

NEURONS: dict[str, type[AbstractNeuron]] = {
    "delay_feedback": DelayFeedbackLIF,
    "axon_hillock": AxonHillock,
    "comparator": ComparatorLIF,
    "schmitt": SchmittTrigger,
    "threshold_switch": ThresholdSwitch,
}
