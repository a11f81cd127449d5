"""The one way in which a server says no."""


class Refused(Exception):
    """A request that is answered with an error.

    Attributes:
      status: of HTTP.
      sentence: for the person who asked; the answer is {"error": sentence}.
      headers: {name: value} of the answer.
    """

    def __init__(self, status, sentence, headers=None):
        super().__init__(sentence)
        self.status, self.sentence, self.headers = status, sentence, headers or {}
