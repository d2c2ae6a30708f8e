/* SPDX-License-Identifier: Apache-2.0 */
void skex_show(const unsigned char *key)
{
	printf("%d\n", key[0]); /* expect 3 */
	(void)snprintf(0, 0, "x"); /* expect 3 */
	blueprint(key);
	/* printf("in a comment") */
}
