"""Training and evaluation of a bi-encoder that retrieves the best counter-argument.

Data flows one way: corpus → triplets → model → loss → mining → evaluation → run log.
"""

import sys

if sys.argv[:1] == ["-m"]:  # a command begins: what is not installed is one line
    import commandline  # noqa: F401
