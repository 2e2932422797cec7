"""Compare the kit's speed with what people use today, in one run, as ratios."""

from __future__ import annotations

from checks import checks
from effects import effects, stress
from engine import all_in_one_minute, lateness, ten_thousand
from filters import pages
from fires import fire_times
from queries import queries
from runs import month, simulated_runs, ways_to_simulate
from scale import platform, year
from services import fakes, requests
from start import start_up

if __name__ == "__main__":
    simulations = (start_up, requests, fakes, fire_times, simulated_runs, ways_to_simulate, month, year, platform)
    simulations += (pages, checks, effects, stress)
    for part in (*simulations, lateness, ten_thousand, all_in_one_minute, queries):
        part()
