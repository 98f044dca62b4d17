"""Names for the types of numpy's arrays that most modules take and return."""

import numpy as np
import numpy.typing as npt

#: Numbers of texts, pairs or rows, counted from 0; lengths; ranks.
Ints = npt.NDArray[np.int64]
#: Distances.
Floats = npt.NDArray[np.float64]
