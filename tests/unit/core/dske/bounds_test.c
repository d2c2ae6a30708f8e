/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/*
 * The bounds on the tags, checked exhaustively in fields so small that everything can be tried.
 *
 * Hubs that lie shift what the responder computes by differences that they know: c by dc, d by dd,
 * e by de, the message by dy.  They know the tag o, and in the worst case the message Y too; c, d
 * and e are uniform for them.  The forged candidate is accepted when the shift of the tag is 0:
 *
 *    dd + H(c + dc, Y + dy, e + de) + H(c, Y, e) = 0,   H(c, Y, e) = y_m c^(m+1) + ... + y_1 c^2 +
 * e c
 *
 * d cancels, so the probability is over c and e alone.
 */

#define Q_MAX 16u
#define M_MAX 3u

static unsigned q; /* 2^field_bits */
static unsigned field_bits;
static uint8_t product[Q_MAX][Q_MAX];

/* GF(2^bits), by shift and add, reduced by x^4 + x + 1, x^3 + x + 1 or x^2 + x + 1. */
static void make_field(unsigned bits)
{
	q = 1u << bits;
	field_bits = bits;
	for (unsigned a = 0; a < q; a++) {
		for (unsigned b = 0; b < q; b++) {
			unsigned sum = 0;

			for (unsigned i = 0; i < bits; i++)
				sum ^= (b >> i & 1u) ? a << i : 0;
			for (unsigned i = 2 * bits - 2; i >= bits; i--) {
				if (sum >> i & 1u)
					sum ^= (q + 3u) << (i - bits);
			}
			product[a][b] = (uint8_t)sum;
		}
	}
}

/* Message i of m elements, in base q. */
static void nth_message(uint8_t *y, unsigned m, unsigned number)
{
	for (unsigned i = 0; i < m; i++) {
		y[i] = (uint8_t)(number & (q - 1));
		number >>= field_bits;
	}
}

static unsigned power(unsigned base, unsigned exponent)
{
	unsigned result = 1;

	while (exponent-- > 0)
		result *= base;
	return result;
}

/* y_m c^(m+low-1) + ... + y_1 c^low, y[0] being y_1. */
static uint8_t hash(uint8_t c, const uint8_t *y, unsigned m, unsigned low)
{
	uint8_t sum = 0;

	for (unsigned i = m; i-- > 0;)
		sum = product[sum][c] ^ y[i];
	for (; low > 0; low--)
		sum = product[sum][c];
	return sum;
}

/*
 * The most keys (c, e) out of q^2 for which one shift is accepted, over all messages Y of m
 * elements and all shifts with dy not 0.
 */
static unsigned best_forgery_with_e(unsigned m, unsigned dc_most)
{
	unsigned messages = power(q, m);
	unsigned best = 0;

	for (unsigned number = 0; number < messages; number++) {
		for (unsigned change = 1; change < messages; change++) {
			uint8_t y[M_MAX], forged[M_MAX];

			nth_message(y, m, number);
			nth_message(forged, m, change);
			for (unsigned i = 0; i < m; i++)
				forged[i] ^= y[i];
			for (unsigned dc = 0; dc <= dc_most; dc++) {
				uint8_t base[Q_MAX];

				for (unsigned c = 0; c < q; c++)
					base[c] = hash((uint8_t)(c ^ dc), forged, m, 2) ^
						hash((uint8_t)c, y, m, 2);
				for (unsigned de = 0; de < q; de++) {
					unsigned shifts[Q_MAX] = {0};

					for (unsigned c = 0; c < q; c++) {
						for (unsigned e = 0; e < q; e++)
							shifts[base[c] ^ product[e][c] ^
								product[e ^ de][c ^ dc]]++;
					}
					for (unsigned dd = 0; dd < q; dd++) {
						if (shifts[dd] > best)
							best = shifts[dd];
					}
				}
			}
		}
	}
	return best;
}

/* At most (m+1)/q of the keys: (m+1) q out of q^2. */
static void three_elements_keep_the_bound(void **state)
{
	static const struct {
		unsigned bits;
		unsigned m;
	} rows[] = {{4, 1}, {3, 1}, {3, 2}, {2, 1}, {2, 2}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		make_field(rows[i].bits);
		assert_true(best_forgery_with_e(rows[i].m, q - 1) <= (rows[i].m + 1) * q);
	}
}

/*
 * Two elements of message in GF(16).  Multiplying c by a constant maps (y_i, e) to multiples of
 * themselves, so that dc = 0 and dc = 1 stand for all.
 */
static void three_elements_keep_the_bound_for_two_blocks(void **state)
{
	(void)state;
	make_field(4);
	assert_int_equal(best_forgery_with_e(1, q - 1), best_forgery_with_e(1, 1));
	assert_true(best_forgery_with_e(2, 1) <= 3 * q);
}

/*
 * With u = c, d alone, H(c, Y) = y_3 c^3 + y_2 c^2 + y_1 c, and a message that is known, a shift of
 * c is made good by one of the message: (c + s)^3 = c^3 + s c^2 + s^2 c + s^3 in characteristic 2.
 * Every c accepts it.
 */
static void two_elements_are_forged_with_certainty(void **state)
{
	(void)state;
	make_field(4);
	for (unsigned s = 1; s < q; s++) {
		for (unsigned number = 0; number < power(q, 3); number++) {
			uint8_t y[3], forged[3];
			uint8_t s2 = product[s][s];
			unsigned accepted = 0;
			uint8_t dd;

			nth_message(y, 3, number);
			if (y[2] == 0)
				continue;
			forged[2] = y[2];
			forged[1] = y[1] ^ product[y[2]][s];
			forged[0] = y[0] ^ product[y[2]][s2];
			/* H at c = 0 before and after the shift of c. */
			dd = hash((uint8_t)s, forged, 3, 1);
			for (unsigned c = 0; c < q; c++) {
				uint8_t moved = hash((uint8_t)(c ^ s), forged, 3, 1);

				accepted += (moved ^ hash((uint8_t)c, y, 3, 1)) == dd;
			}
			assert_int_equal(accepted, q);
		}
	}
}

/* The same shift of c against three elements: one key e out of q for each c, no more. */
static void the_third_element_stops_it(void **state)
{
	(void)state;
	make_field(4);
	for (unsigned s = 1; s < q; s++) {
		const uint8_t y[3] = {1, 2, 3};
		uint8_t forged[3] = {
			y[0] ^ product[y[2]][product[s][s]], y[1] ^ product[y[2]][s], y[2]};

		for (unsigned de = 0; de < q; de++) {
			unsigned shifts[Q_MAX] = {0};

			for (unsigned c = 0; c < q; c++) {
				for (unsigned e = 0; e < q; e++)
					shifts[hash((uint8_t)(c ^ s), forged, 3, 2) ^
						hash((uint8_t)c, y, 3, 2) ^ product[e][c] ^
						product[e ^ de][c ^ s]]++;
			}
			for (unsigned dd = 0; dd < q; dd++)
				assert_int_equal(shifts[dd], q);
		}
	}
}

/* The one-time tag: d + H(c, message), message and length not the forger's to shift apart from dy.
 */
static void one_time_tags_keep_their_bound(void **state)
{
	(void)state;
	make_field(4);
	for (unsigned m = 1; m <= 3; m++) {
		unsigned best = 0;

		for (unsigned change = 1; change < power(q, m); change++) {
			unsigned shifts[Q_MAX] = {0};
			uint8_t dy[M_MAX];

			nth_message(dy, m, change);
			for (unsigned c = 0; c < q; c++)
				shifts[hash((uint8_t)c, dy, m, 1)]++;
			for (unsigned dd = 0; dd < q; dd++) {
				if (shifts[dd] > best)
					best = shifts[dd];
			}
		}
		assert_int_equal(best, m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_elements_keep_the_bound),
		cmocka_unit_test(three_elements_keep_the_bound_for_two_blocks),
		cmocka_unit_test(two_elements_are_forged_with_certainty),
		cmocka_unit_test(the_third_element_stops_it),
		cmocka_unit_test(one_time_tags_keep_their_bound),
	};

	return cmocka_run_group_tests_name("core/dske/bounds", tests, NULL, NULL);
}
