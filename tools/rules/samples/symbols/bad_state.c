/* SPDX-License-Identifier: Apache-2.0 */
int skex_next(void);
int skex_next(void)
{
	static int counter;
	return ++counter;
}
