"""Which view shows which value in a notebook."""

from __future__ import annotations

from sbh_jobkit.display import show
from sbh_jobkit.fakes.difference import Difference
from sbh_jobkit.views import difference

show(Difference, difference.html)
