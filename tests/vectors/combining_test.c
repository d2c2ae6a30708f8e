/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/combiner/combiner.h"
#include "crypto/openssl.h"
#include "crypto/sha256_small.h"
#include "tests/vectors/rows.h"

/* The published vectors of combining, with both hash providers, and what breaks them. */

static json_t *vectors;

struct scene {
	struct skex_name initiator;
	struct skex_name responder;
	struct bytes secrets[2];
	struct skex_component components[2];
	struct skex_combination combination;
};

static void component_of(struct scene *scene, size_t i, const json_t *row)
{
	const json_t *part = json_array_get(array_of(row, "components"), i);
	const json_t *roots = array_of(part, "roots");
	struct skex_component *component = &scene->components[i];
	size_t at;

	memset(component, 0, sizeof(*component));
	bytes_of(&scene->secrets[i], part, "secret");
	component->provider = text_of(part, "provider");
	component->block.instance = (uint32_t)number_of(part, "instance");
	component->block.counter = number_of(part, "counter");
	component->class = (enum skex_class)number_of(part, "class");
	component->confirmed = true;
	component->secret = scene->secrets[i].data;
	component->roots_count = (uint8_t)json_array_size(roots);
	for (at = 0; at < component->roots_count && at < SKEX_ROOTS_MAX; at++) {
		const json_t *root = json_array_get(roots, at);
		const char *hex = json_string_value(json_array_get(root, 1));
		size_t byte;

		component->roots[at].kind = (uint8_t)json_integer_value(json_array_get(root, 0));
		for (byte = 0; byte < SKEX_ROOT_ID_BYTES; byte++)
			assert_int_equal(
				sscanf(hex + 2 * byte, "%2hhx", &component->roots[at].id[byte]), 1);
	}
	scene->combination.components[i] = component;
}

static void scene_of(struct scene *scene, const json_t *row)
{
	memset(scene, 0, sizeof(*scene));
	scene->initiator = name_of(row, "initiator");
	scene->responder = name_of(row, "responder");
	component_of(scene, 0, row);
	component_of(scene, 1, row);
	scene->combination.initiator = &scene->initiator;
	scene->combination.responder = &scene->responder;
	scene->combination.purpose =
		skex_view(text_of(row, "purpose"), strlen(text_of(row, "purpose")));
	scene->combination.size = (uint32_t)scene->secrets[0].size;
}

static void check_row(const json_t *row, const struct skex_crypto *crypto)
{
	static struct scene scene;
	static struct bytes expected;
	static uint8_t out[BYTES_MAX];
	struct skex_combined combined;

	scene_of(&scene, row);
	bytes_of(&expected, row, "key");
	assert_int_equal(skex_combine_two(crypto, &scene.combination, out, &combined), SKEX_OK);
	assert_memory_equal(out, expected.data, expected.size);
	assert_int_equal(combined.class, number_of(row, "class"));
	assert_int_equal(combined.disjoint, json_is_true(json_object_get(row, "disjoint")));
	assert_true(combined.confirmed);

	/* In place of either component too, and confirmed only when both are. */
	scene.components[1].confirmed = false;
	assert_int_equal(
		skex_combine_two(crypto, &scene.combination, scene.secrets[0].data, &combined),
		SKEX_OK);
	assert_memory_equal(scene.secrets[0].data, expected.data, expected.size);
	assert_false(combined.confirmed);
	scene_of(&scene, row);
	scene.components[0].confirmed = false;
	assert_int_equal(
		skex_combine_two(crypto, &scene.combination, scene.secrets[1].data, &combined),
		SKEX_OK);
	assert_memory_equal(scene.secrets[1].data, expected.data, expected.size);
	assert_false(combined.confirmed);
}

static void the_published_vectors(void **state)
{
	const json_t *rows = array_of(vectors, "combining");
	size_t i;

	(void)state;
	assert_true(json_array_size(rows) >= 7);
	for (i = 0; i < json_array_size(rows); i++) {
		check_row(json_array_get(rows, i), skex_crypto_openssl());
		check_row(json_array_get(rows, i), skex_crypto_small());
	}
}

/* With a component that everybody knows, the result still depends on every bit of the other. */
static void either_component_is_enough(void **state)
{
	const json_t *rows = array_of(vectors, "combining");
	static struct scene scene;
	uint8_t out[2][64];
	struct skex_combined combined;
	size_t i, part, bit;

	(void)state;
	for (i = 0; i < 5; i++) {
		for (part = 0; part < 2; part++) {
			scene_of(&scene, json_array_get(rows, i));
			assert_int_equal(skex_combine_two(skex_crypto_openssl(), &scene.combination,
						 out[0], &combined),
				SKEX_OK);
			for (bit = 0; bit < 8u * scene.combination.size; bit++) {
				scene.secrets[part].data[bit / 8] ^= (uint8_t)(1u << bit % 8);
				assert_int_equal(skex_combine_two(skex_crypto_openssl(),
							 &scene.combination, out[1], &combined),
					SKEX_OK);
				assert_memory_not_equal(out[0], out[1], scene.combination.size);
				scene.secrets[part].data[bit / 8] ^= (uint8_t)(1u << bit % 8);
			}
		}
	}
}

/* The same bytes as both components are no key of zeros unless the roots say that they cannot be
 * the same: then there is a lie in the roots, which the caller answers for. */
static void the_same_secret_twice_is_not_zero(void **state)
{
	static const uint8_t zeros[64];
	static struct scene scene;
	struct skex_combined combined;
	uint8_t out[64];

	(void)state;
	scene_of(&scene, json_array_get(array_of(vectors, "combining"), 2));
	scene.components[1].secret = scene.components[0].secret;
	assert_int_equal(
		skex_combine_two(skex_crypto_openssl(), &scene.combination, out, &combined),
		SKEX_OK);
	assert_false(combined.disjoint);
	assert_memory_not_equal(out, zeros, scene.combination.size);
}

static void what_is_out_of_range_is_refused(void **state)
{
	static struct scene scene;
	struct skex_combined combined = {.class = SKEX_CLASS_ITS};
	uint8_t out[64] = {1};
	uint32_t i;

	(void)state;
	for (i = 0; i < 9; i++) {
		scene_of(&scene, json_array_get(array_of(vectors, "combining"), 0));
		if (i == 0)
			scene.components[0].provider = scene.components[1].provider;
		else if (i == 1)
			scene.components[0].provider = "";
		else if (i == 2)
			scene.components[1].provider = "a-provider-with-a-name-of-33-bytes";
		else if (i == 3)
			scene.components[0].roots_count = 0;
		else if (i == 4)
			scene.components[0].roots_count = SKEX_ROOTS_MAX + 1;
		else if (i == 5)
			scene.components[1].roots[0].kind = 0;
		else if (i == 6)
			scene.combination.size = 0;
		else if (i == 7)
			scene.combination.size = SKEX_SECRET_MAX + 1;
		else
			scene.combination.responder = scene.combination.initiator;
		assert_int_equal(
			skex_combine_two(skex_crypto_openssl(), &scene.combination, out, &combined),
			SKEX_E_ARGUMENT);
		assert_int_equal(out[0], 1);
		assert_int_equal(combined.class, SKEX_CLASS_ITS);
	}
}

static void the_refused_vectors(void **state)
{
	const json_t *rows = array_of(vectors, "refused");
	static struct scene scene;
	struct skex_combined combined;
	uint8_t out[64];
	size_t i;

	(void)state;
	assert_true(json_array_size(rows) >= 9);
	for (i = 0; i < json_array_size(rows); i++) {
		scene_of(&scene, json_array_get(rows, i));
		assert_int_equal(
			skex_combine_two(skex_crypto_openssl(), &scene.combination, out, &combined),
			SKEX_E_ARGUMENT);
	}
}

/* Whichever of the two is named first. */
static void the_order_is_that_of_the_names(void **state)
{
	static struct scene scene;
	const struct skex_component *kept;
	struct skex_combined combined;
	uint8_t out[2][64];

	(void)state;
	scene_of(&scene, json_array_get(array_of(vectors, "combining"), 2));
	assert_int_equal(
		skex_combine_two(skex_crypto_openssl(), &scene.combination, out[0], &combined),
		SKEX_OK);
	assert_false(combined.disjoint);
	kept = scene.combination.components[0];
	scene.combination.components[0] = scene.combination.components[1];
	scene.combination.components[1] = kept;
	assert_int_equal(
		skex_combine_two(skex_crypto_openssl(), &scene.combination, out[1], &combined),
		SKEX_OK);
	assert_memory_equal(out[0], out[1], scene.combination.size);
	/* It is the names that say which is which, and not who they are. */
	scene.components[0].provider = scene.components[0].provider[0] > 'k' ? "a" : "z";
	assert_int_equal(
		skex_combine_two(skex_crypto_openssl(), &scene.combination, out[1], &combined),
		SKEX_OK);
	assert_memory_not_equal(out[0], out[1], scene.combination.size);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_published_vectors),
		cmocka_unit_test(either_component_is_enough),
		cmocka_unit_test(the_order_is_that_of_the_names),
		cmocka_unit_test(the_same_secret_twice_is_not_zero),
		cmocka_unit_test(what_is_out_of_range_is_refused),
		cmocka_unit_test(the_refused_vectors),
	};
	int failed;

	if (argc != 2)
		return 2;
	vectors = json_load_file(argv[1], 0, NULL);
	if (vectors == NULL)
		return 2;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	json_decref(vectors);
	return failed;
}
