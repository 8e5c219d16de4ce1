"""Tasks: data with labels. Images are split into training and test; spike trains are drawn from a key."""

from mho.networks.tasks.codes import coded_digits as coded_digits
from mho.networks.tasks.codes import digits_by_rows as digits_by_rows
from mho.networks.tasks.codes import latency_code as latency_code
from mho.networks.tasks.codes import rate_code as rate_code
from mho.networks.tasks.digits import Digits as Digits
from mho.networks.tasks.digits import convolutional as convolutional
from mho.networks.tasks.digits import digits as digits
from mho.networks.tasks.digits import perceptron as perceptron
from mho.networks.tasks.event_files import read_events as read_events
from mho.networks.tasks.mackey_glass import followed as followed
from mho.networks.tasks.mackey_glass import mackey_glass as mackey_glass
from mho.networks.tasks.pulses import interval as interval
from mho.networks.tasks.pulses import match as match
from mho.networks.tasks.pulses import order as order
from mho.networks.tasks.rhythms import burst as burst
from mho.networks.tasks.rhythms import gap as gap
from mho.networks.tasks.rhythms import rate as rate
from mho.networks.tasks.rhythms import rhythm as rhythm
from mho.networks.tasks.trials import Trials as Trials
