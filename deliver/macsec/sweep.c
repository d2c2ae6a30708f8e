/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/macsec/sweep.h"

#include <string.h>

#include "deliver/macsec/secy.h"

#define ROUNDS 8u

static enum skex_error remove_found(struct macsec_kernel *kernel, const struct macsec_secy *secy)
{
	enum skex_error error = SKEX_OK;
	struct macsec_request scratch;
	size_t i;

	for (i = 0; error == SKEX_OK && i < secy->others_count; i++) {
		struct macsec_move move = {.change = MACSEC_DROP_CHANNEL};

		memcpy(move.sci, secy->others[i], sizeof(move.sci));
		error = macsec_secy_change(kernel, &move, &scratch);
	}
	for (i = 0; error == SKEX_OK && i < MACSEC_ANS; i++) {
		if (secy->tx[i].there)
			error = macsec_secy_change(kernel,
				&(struct macsec_move){.change = MACSEC_DROP_TX, .an = (uint8_t)i},
				&scratch);
	}
	return error;
}

static bool is_clean(const struct macsec_secy *secy)
{
	return secy->others_count == 0 && !secy->tx[0].there && !secy->tx[1].there &&
		!secy->tx[2].there && !secy->tx[3].there;
}

enum skex_error macsec_sweep(int route, int generic, const char *interface)
{
	struct macsec_kernel kernel;
	struct macsec_secy secy;
	enum skex_error error = macsec_kernel_open(&kernel, route, generic, interface);
	bool clean = false;
	unsigned i;

	for (i = 0; error == SKEX_OK && !clean && i < ROUNDS; i++) {
		error = macsec_secy_read(&kernel, NULL, &secy);
		clean = error == SKEX_OK && is_clean(&secy);
		if (error == SKEX_OK && !clean)
			error = remove_found(&kernel, &secy);
	}
	macsec_kernel_close(&kernel);
	if (error == SKEX_OK && !clean)
		return SKEX_E_REFUSED;
	return error;
}
