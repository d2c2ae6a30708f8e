/* SPDX-License-Identifier: Apache-2.0 */
#include <skex/client.h>
#include "hub/hub.h" /* expect 1 */
