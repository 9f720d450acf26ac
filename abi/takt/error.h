/* SPDX-License-Identifier: MIT */
/* Error codes. Every operation returns 0 or more for success and one of these otherwise. */
#ifndef TAKT_ERROR_H
#define TAKT_ERROR_H

/*        name            code  meaning */
#define TAKT_ERRORS(X)                                                                             \
	X(E_CAP,      -1,  "no valid capability in that slot")                                     \
	X(E_TYPE,     -2,  "the capability names another type of object")                          \
	X(E_RIGHTS,   -3,  "the capability lacks a right that the operation needs")                \
	X(E_OP,       -4,  "the object has no such operation")                                     \
	X(E_INVAL,    -5,  "an argument is malformed or contradicts another")                      \
	X(E_RANGE,    -6,  "an argument is outside the object's range, or overflows")              \
	X(E_ALIGN,    -7,  "an address or size is not aligned as required")                        \
	X(E_NOMEM,    -8,  "the factory is exhausted")                                             \
	X(E_EXISTS,   -9,  "the slot, range or line is in use already")                            \
	X(E_STATE,    -10, "the object is not in a state that allows this")                        \
	X(E_TIMEOUT,  -11, "the deadline passed")                                                  \
	X(E_GONE,     -12, "the partner stopped or was destroyed")                                 \
	X(E_CANCELED, -13, "the operation was cancelled")                                          \
	X(E_DEADLOCK, -14, "the call would wait for itself")                                       \
	X(E_DEPTH,    -15, "the chain of calls would be too deep")                                 \
	X(E_CPU,      -16, "wrong or absent CPU")                                                  \
	X(E_QUOTA,    -17, "a limit other than memory is reached")                                 \
	X(E_MSG,      -18, "the message has too few words or capabilities")                        \
	X(E_AGAIN,    -19, "not now; try again when signalled")

#ifndef __ASSEMBLER__
enum takt_error {
#define X(name, code, text) TAKT_##name = (code),
	TAKT_ERRORS(X)
#undef X
};
#endif
#endif
