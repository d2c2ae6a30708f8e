/* SPDX-License-Identifier: Apache-2.0 */
#include <sodium.h>
#include <string.h>
#include "crypto/hash.h"
#include "hub/hub.h"  /* expect 1 */
#include <sqlite3.h>  /* expect 1 */
#include <jansson.h>  /* expect 1 */
#include <uv.h>       /* expect 1 */
