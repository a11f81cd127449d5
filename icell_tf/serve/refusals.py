"""The one way in which a server says no."""


class Refused(Exception):
    """A request that is answered with an error.

    Attributes:
      status: of HTTP.
      sentence: for the person who asked; the answer is {"error": sentence}.
      headers: {name: value} of the answer.
    """

    def __init__(self, status, sentence, headers=None):
        # Names in a request may have what no answer can: JSON has halves of surrogate pairs, UTF-8 has not.
        sentence = sentence.encode("utf-8", "backslashreplace").decode("utf-8")
        super().__init__(sentence)
        self.status, self.sentence, self.headers = status, sentence, headers or {}
