/* SPDX-License-Identifier: Apache-2.0 */
void skex_f(void)
{
	char *p = malloc(3); /* expect 6 */
	free(p);             /* expect 6 */
	ops->free(p);
	skex_free(p);
	(void)__builtin_ctz(3u); /* expect 6 */
}
