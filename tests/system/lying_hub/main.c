/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "tests/system/lying_hub/faults.h"

/* lying-hub --fault MODE, and then as skex-hub.  Without a mode it is honest. */

int skex_hub_main(int argc, char **argv); /* hub/main.c */

/* NULL: an honest hub. */
static const struct fault *chosen;

/* In place of hub/pass.c. */
uint16_t hub_pass(
	struct skex_hub *hub, struct hub_mail *mail, struct hub_leg *to, struct hub_pair *pair)
{
	return fault_pass(chosen, hub, mail, to, pair);
}

/* False when there is no such mode. */
static bool choose(const char *name)
{
	for (size_t i = 0; i < FAULTS; i++) {
		if (strcmp(faults[i].name, name) == 0) {
			chosen = &faults[i];
			return true;
		}
	}
	return false;
}

static void list(FILE *out)
{
	for (size_t i = 0; i < FAULTS; i++)
		fprintf(out, "  %-14s %s\n", faults[i].name, faults[i].text);
}

int main(int argc, char **argv)
{
	int kept = 1;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--fault") != 0) {
			argv[kept++] = argv[i];
			continue;
		}
		if (i + 1 == argc || !choose(argv[i + 1])) {
			fputs("usage: lying-hub --fault MODE -c FILE\n\n", stderr);
			list(stderr);
			return SKEX_CLASS_USAGE;
		}
		i++;
	}
	argv[kept] = NULL;
	return skex_hub_main(kept, argv);
}
