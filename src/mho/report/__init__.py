"""Reports: a self-contained page, its figures and tables, made from plain results."""

from mho.report.figures import alone as alone
from mho.report.figures import figure as figure
from mho.report.page import build as build
from mho.report.page import render as render
