/* SPDX-License-Identifier: Apache-2.0 */
void skex_show(const unsigned char *key, const unsigned char *peer_tag)
{
	printf("%02x", key[0]);   /* expect 3 */
	printf("%02hhX", key[0]); /* expect 3 */
	printf("%.2x", key[0]);   /* expect 3 */
	printf("0x%08x", 7u);
	printf("%s\n", "a name");
	if (memcmp(key, "12345678", 8) == 0) /* expect 3 */
		return;
	if (memcmp(peer_tag, key, 8) == 0) /* expect 3 */
		return;
	if (strcmp(keyword, "x") == 0)
		return;
	if (memcmp(key, "public", 6) == 0) /* rule 3: a name, not key bytes */
		return;
}
