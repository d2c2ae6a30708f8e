/* expect 4 */
int x;
