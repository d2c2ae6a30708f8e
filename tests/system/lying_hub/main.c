/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "tests/system/lying_hub/faults.h"

/* lying-hub --fault MODE, and then as skex-hub.  Without a mode it is honest. */

int skex_hub_main(int argc, char **argv); /* hub/main.c */

int main(int argc, char **argv)
{
	int kept = 1;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--fault") != 0) {
			argv[kept++] = argv[i];
			continue;
		}
		if (i + 1 == argc || !faults_choose(argv[i + 1])) {
			fputs("usage: lying-hub --fault MODE -c FILE\n\n", stderr);
			faults_list(stderr);
			return SKEX_CLASS_USAGE;
		}
		i++;
	}
	argv[kept] = NULL;
	return skex_hub_main(kept, argv);
}
