"""Tasks: data with labels, split into training and test."""

from mho.networks.tasks.digits import Digits as Digits
from mho.networks.tasks.digits import convolutional as convolutional
from mho.networks.tasks.digits import digits as digits
from mho.networks.tasks.digits import perceptron as perceptron
