"""How many people answer calls: Erlang's C formula, in numbers that never overflow.

A. K. Erlang, "Solution of some problems in the theory of probabilities of significance in automatic telephone
exchanges" (Elektroteknikeren 13, 1917). The recursion for Erlang B and the step from B to C are as in R. B. Cooper,
"Introduction to Queueing Theory", 2nd edition 1981, chapter 3. Nobody gives up waiting in it, so it asks for rather
too many people than too few.
"""

import math


def waiting_probability(load: float, agents: int) -> float:
    """That somebody who rings has to wait.

    Args:
        load: calls per hour times hours per call, in erlangs.
        agents: people who answer.

    Raises:
        ValueError: a load below zero or no agent.
    """
    if load < 0 or agents < 1:
        raise ValueError("load must be 0 or more and agents 1 or more")
    if load >= agents:
        return 1.0
    blocked = 1.0
    for count in range(1, agents + 1):
        blocked = load * blocked / (count + load * blocked)
    return blocked / (1 - load / agents * (1 - blocked))


def service_level(load: float, agents: int, *, within_s: float, call_s: float) -> float:
    """The part of calls that is answered within so many seconds; 0 where the queue grows without end."""
    if load >= agents:
        return 0.0
    return 1 - waiting_probability(load, agents) * math.exp(-(agents - load) * within_s / call_s)


def agents_needed(calls_per_hour: float, *, call_s: float, level: float = 0.8, within_s: float = 20.0) -> int:
    """The fewest people who answer that part of the calls within that time; 0 where nobody rings.

    The default of 80 % within 20 seconds is the trade's custom, and no law.

    Raises:
        ValueError: a level that no number of people reaches.
    """
    if not 0 <= level < 1:
        raise ValueError("level must be at least 0 and below 1")
    if calls_per_hour <= 0:
        return 0
    load = calls_per_hour * call_s / 3600
    agents = max(1, math.ceil(load))
    while service_level(load, agents, within_s=within_s, call_s=call_s) < level:
        agents += 1
    return agents
