"""Scores by their names for people, for tests that look at many."""


def by_name(scores):
    """Returns {name: `Score`}; no two of a part may have the same name."""
    found = {score.name: score for score in scores}
    assert len(found) == len(scores)
    return found
