/* SPDX-License-Identifier: Apache-2.0 */
#include <cmocka.h>
#include <openssl/evp.h>
#include "hub/hub.h"
