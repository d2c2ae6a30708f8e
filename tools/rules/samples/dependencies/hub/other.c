/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/hub.h"
#include "api/server.h" /* expect 1 */
#include <openssl/evp.h> /* rule 1: shows how an exception is written */
