/* SPDX-License-Identifier: Apache-2.0 */
void skex_f(char *to, const char *from)
{
	strcpy(to, from);       /* expect 6 */
	sprintf(to, "%s", from); /* expect 6 */
	(void)atoi (from);      /* expect 6 */
	(void)getenv("SECRET"); /* expect 6 */
	(void)getenv("SKEX_CONFIG"); /* rule 6: a file name, no secret */
	(void)rand();           /* expect 6 */
	snprintf(to, 3, "strcpy(a, b)");
	/* strcpy(to, from) in a comment */
	/* TODO: expect 6 */
	/* FIXME expect 6 */
	/* This will do for now, expect 6 */
	mkstemp("nameXXXXXX");
	char *p = malloc(3);
}
