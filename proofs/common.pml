/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the models share.  One process does one step of anybody at a time, each in one piece; the
 * search tries every order.  Names of what is on the way begin with m, k, r or p like the messages:
 * a message that was ever sent can be delivered at any time, any number of times, or never.
 *
 * REACHED and ROW say what the search came by, once; HOLDS says which claim is broken, and ends it.
 * Settings come from the environment, so that one compiled model serves all sizes and mutations:
 * `hidden` keeps them out of the states that are compared.
 */
c_decl {
static int setting(const char *name)
{
	const char *text = getenv(name);

	return text == NULL ? 0 : atoi(text);
}
}

#define SAY(text) c_code { static int said; if (!said) { said = 1; printf("%s\n", text); } }
#define REACHED(name) SAY("reached " #name)
#define ROW(text) SAY("row " text)
#define HOLDS(name, claim) if :: (claim) :: else -> SAY("broken " #name); assert(false) fi

hidden byte mutation;
hidden short acts; /* of the last step of an engine */
hidden byte taken; /* whether the engine had a row for it */

#include "engine.pml"
