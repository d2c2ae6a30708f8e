/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_ETSI014_FIELDS_H
#define SKEX_DELIVER_ETSI014_FIELDS_H

#include "deliver/etsi014/request.h"

/*
 * The rules of single fields, the same for the GET and the POST form.  All give SKEX_OK and the
 * field set in *request, or SKEX_E_SYNTAX and *problem set.
 */

/* Key request: number and size, as whole numbers of any size. */
SKEX_MUST_USE enum skex_error skex_etsi014_field_number(struct skex_etsi014_request *request,
	const struct skex_etsi014_limits *limits, int64_t number,
	struct skex_https_problem *problem);
SKEX_MUST_USE enum skex_error skex_etsi014_field_size(
	struct skex_etsi014_request *request, int64_t bits, struct skex_https_problem *problem);

/* Key IDs: one more; its text may come from anywhere. */
SKEX_MUST_USE enum skex_error skex_etsi014_field_key_id(struct skex_etsi014_request *request,
	struct skex_view text, struct skex_https_problem *problem);

/* One decoded parameter of a GET request; a second one of the same name is refused. */
SKEX_MUST_USE enum skex_error skex_etsi014_field_query(struct skex_etsi014_request *request,
	const struct skex_etsi014_limits *limits, struct skex_view name, struct skex_view value,
	struct skex_https_problem *problem);

/* Refuses a member or parameter that the standard does not have, by its name. */
SKEX_MUST_USE enum skex_error skex_etsi014_field_unknown(
	struct skex_view name, struct skex_https_problem *problem);

#endif
