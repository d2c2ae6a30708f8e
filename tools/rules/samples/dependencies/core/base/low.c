/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/error.h"
#include "core/math/math.h" /* expect 1 */
#include "error.h"          /* expect 1 */
#include <stdio.h>          /* expect 1 */
#include <openssl/evp.h>    /* expect 1 */
/* #include <stdlib.h> */
