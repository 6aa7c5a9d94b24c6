/* SPDX-License-Identifier: Apache-2.0
 *
 * The document of a tiny table, to the letter; the whole document is looked at
 * in tests/snapshot.
 */
#include "api/ops/openapi.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "codec/json.h"

static const char *const sizes[] = { "s", "m", NULL };
static const struct sut_field part_fields[] = {
    { .name = "id", .type = SUT_F_INT, .min = 1, .max = 9 },
};
static const struct sut_schema part = SUT_SCHEMA("Part", part_fields);
static const struct sut_field in_fields[] = {
    { .name = "name", .type = SUT_F_STRING, .flags = SUT_F_REQUIRED, .min = 1, .max = 10 },
    { .name = "size", .type = SUT_F_CHOICE, .flags = SUT_F_NULLABLE, .choices = sizes },
    { .name = "password", .type = SUT_F_PASSWORD, .flags = SUT_F_SECRET, .min = 1, .max = 128 },
};
static const struct sut_schema in = SUT_SCHEMA("ThingIn", in_fields);
static const struct sut_field out_fields[] = {
    { .name = "parts", .type = SUT_F_ARRAY, .of = &part },
    { .name = "part", .type = SUT_F_OBJECT, .flags = SUT_F_NULLABLE, .of = &part },
    { .name = "tags", .type = SUT_F_ARRAY, .items = SUT_F_STRING },
    { .name = "made", .type = SUT_F_TIME, .flags = SUT_F_OPTIONAL, .doc = "When." },
};
static const struct sut_schema out = SUT_SCHEMA("Thing", out_fields);
static const struct sut_query_key keys[] = {
    { .name = "page", .type = SUT_Q_INT, .max = 9 },
    { .name = "size", .type = SUT_Q_CHOICE, .choices = sizes },
    { .name = NULL },
};
static const struct sut_answer answers[] = {
    { .status = 200, .schema = &out },
    { .status = 404 },
    { .status = 0 },
};
static const struct sut_route rows[] = {
    {
        .method = SUT_PUT,
        .path = "/api/things/{id}/",
        .aliases = { "/api/v1/things/{id}/" },
        .name = "things_put",
        .summary = "Change a thing",
        .tag = "things",
        .policy = SUT_POLICY_USER,
        .query = keys,
        .body = &in,
        .answers = answers,
    },
};
static const struct sut_routes table = SUT_ROUTES(rows);
static const struct sut_routes *const tables[] = { &table };

struct made {
    struct sut_arena *arena;
    struct sut_buf text;
    const struct sut_json *doc;
};

static void make(struct made *m, const struct sut_routes *const *t, size_t n)
{
    assert_false(sut_failed(sut_arena_create(4 << 20, &m->arena)));
    sut_buf_init(&m->text, 1 << 20);
    assert_false(sut_failed(api_openapi_write(m->arena, &m->text, t, n, "https://shop.example")));
    enum sut_json_fault fault = SUT_JSON_OK;
    assert_false(sut_failed(sut_json_parse(m->arena, sut_buf_str(&m->text), &m->doc, &fault)));
}

static void end(struct made *m)
{
    sut_buf_done(&m->text);
    sut_arena_free(&m->arena);
}

static void holds(const struct made *m, const char *want)
{
    char *z = sut_str_z(m->arena, sut_buf_str(&m->text));
    assert_non_null(z);
    if (strstr(z, want) == NULL)
        print_error("# not there: %s\n# in: %s\n", want, z);
    assert_non_null(strstr(z, want));
}

static void a_body_is_what_its_schema_checks(void **state)
{
    (void) state;
    struct made m = { .arena = NULL };
    make(&m, tables, 1);
    holds(&m, "\"ThingIn\":{\"type\":\"object\",\"properties\":{"
              "\"name\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":10},"
              "\"size\":{\"type\":[\"string\",\"null\"],\"enum\":[\"s\",\"m\",null]},"
              "\"password\":{\"type\":\"string\",\"format\":\"password\",\"minLength\":1,"
              "\"maxLength\":128,\"writeOnly\":true}},"
              "\"required\":[\"name\"],\"additionalProperties\":false}");
    holds(&m, "\"requestBody\":{\"content\":{\"application/json\":{\"schema\":{"
              "\"$ref\":\"#/components/schemas/ThingIn\"}}}}");
    end(&m);
}

static void an_answer_requires_all_that_is_not_optional(void **state)
{
    (void) state;
    struct made m = { .arena = NULL };
    make(&m, tables, 1);
    holds(&m, "\"Thing\":{\"type\":\"object\",\"properties\":{"
              "\"parts\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/Part\"}},"
              "\"part\":{\"anyOf\":[{\"$ref\":\"#/components/schemas/Part\"},{\"type\":\"null\"}]},"
              "\"tags\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
              "\"made\":{\"type\":\"string\",\"format\":\"date-time\","
              "\"pattern\":\"^\\\\d{4}-\\\\d{2}-\\\\d{2}T\\\\d{2}:\\\\d{2}:\\\\d{2}Z$\","
              "\"description\":\"When.\"}},"
              "\"required\":[\"parts\",\"part\",\"tags\"],\"additionalProperties\":false}");
    /* A schema that a schema refers to comes along. */
    holds(&m, "\"Part\":{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"integer\","
              "\"minimum\":1,\"maximum\":9}},\"required\":[\"id\"],"
              "\"additionalProperties\":false}");
    end(&m);
}

static void each_path_of_a_row_is_an_operation_of_its_own(void **state)
{
    (void) state;
    struct made m = { .arena = NULL };
    make(&m, tables, 1);
    holds(&m, "\"/api/things/{id}/\":{\"put\":{\"operationId\":\"things_put\","
              "\"summary\":\"Change a thing\",\"tags\":[\"things\"],\"x-policy\":\"user\","
              "\"security\":[{\"bearer\":[]}],\"parameters\":["
              "{\"name\":\"id\",\"in\":\"path\",\"required\":true,"
              "\"schema\":{\"type\":\"integer\",\"minimum\":1}},"
              "{\"name\":\"page\",\"in\":\"query\",\"schema\":{\"type\":\"integer\","
              "\"minimum\":1}},"
              "{\"name\":\"size\",\"in\":\"query\",\"schema\":{\"type\":\"string\","
              "\"enum\":[\"s\",\"m\"]}}],");
    holds(&m, "\"/api/v1/things/{id}/\":{\"put\":{\"operationId\":\"things_put_alias1\"");
    end(&m);
}

static void errors_have_the_shape_of_the_paths_contract(void **state)
{
    (void) state;
    struct made m = { .arena = NULL };
    make(&m, tables, 1);
    const struct sut_json *paths = sut_json_get(m.doc, "paths");
    const struct sut_json *a = sut_json_get(sut_json_get(paths, "/api/things/{id}/"), "put");
    const struct sut_json *b = sut_json_get(sut_json_get(paths, "/api/v1/things/{id}/"), "put");
    static const char *const said[] = { "200", "404", "400", "401", "403",
                                        "413", "415", "429", "500", "503" };
    for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
        assert_non_null(sut_json_get(sut_json_get(a, "responses"), said[i]));
        assert_non_null(sut_json_get(sut_json_get(b, "responses"), said[i]));
    }
    assert_null(sut_json_get(sut_json_get(a, "responses"), "409"));
    holds(&m, "\"404\":{\"description\":\"Not Found\",\"content\":{\"application/json\":{"
              "\"schema\":{\"anyOf\":[{\"$ref\":\"#/components/schemas/Refusal\"},"
              "{\"$ref\":\"#/components/schemas/DomainError\"}]}}}}");
    holds(&m, "\"404\":{\"description\":\"Not Found\",\"content\":{\"application/json\":{"
              "\"schema\":{\"$ref\":\"#/components/schemas/ErrorEnvelope\"}}}}");
    end(&m);
}

static void the_document_says_what_it_is_and_where(void **state)
{
    (void) state;
    struct made m = { .arena = NULL };
    make(&m, tables, 1);
    holds(&m, "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"Sutler\"");
    holds(&m, "\"servers\":[{\"url\":\"https://shop.example\"}]");
    holds(&m, "\"securitySchemes\":{\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\"");
    end(&m);
    /* No rows at all are a document too. */
    make(&m, NULL, 0);
    holds(&m, "\"paths\":{}");
    end(&m);
}

static void browser_mode_is_told_where_it_is_understood(void **state)
{
    (void) state;
    static const struct sut_field pair_fields[] = {
        { .name = "csrf_token", .type = SUT_F_STRING, .flags = SUT_F_OPTIONAL },
    };
    static const struct sut_schema pair = SUT_SCHEMA("Pair", pair_fields);
    static const struct sut_field data_fields[] = {
        { .name = "data", .type = SUT_F_OBJECT, .of = &pair },
    };
    static const struct sut_schema data = SUT_SCHEMA("Data", data_fields);
    static const struct sut_answer gives[] = { { .status = 200, .schema = &data },
                                               { .status = 0 } };
    struct sut_route row = rows[0];
    row.method = SUT_POST;
    row.query = NULL;
    row.answers = gives;
    row.flags = SUT_ROUTE_COOKIE_REFRESH;
    const struct sut_routes one = { .rows = &row, .n = 1 };
    const struct sut_routes *const all[] = { &one };
    struct made m;
    make(&m, all, 1);
    holds(&m, "{\"name\":\"X-Sutler-Client\",\"in\":\"header\",\"description\":\"Browser mode: the "
              "refresh token goes into a cookie that no script reads.\",\"schema\":{\"type\":"
              "\"string\",\"enum\":[\"browser\"]}}");
    holds(&m, "{\"name\":\"X-CSRFToken\",\"in\":\"header\"");
    end(&m);
    /* A row that only reads the token gives none out. */
    row.method = SUT_GET;
    row.flags = 0;
    make(&m, all, 1);
    assert_null(strstr(sut_str_z(m.arena, sut_buf_str(&m.text)), "\"in\":\"header\""));
    end(&m);
}

static void a_document_without_room_is_an_error(void **state)
{
    (void) state;
    struct sut_arena *a = NULL;
    struct sut_buf text;
    assert_false(sut_failed(sut_arena_create(4 << 20, &a)));
    sut_buf_init(&text, 100);
    assert_int_equal(api_openapi_write(a, &text, tables, 1, "/").code, SUT_E_TOO_LARGE);
    sut_buf_done(&text);
    sut_arena_free(&a);
    assert_false(sut_failed(sut_arena_create(100, &a)));
    sut_buf_init(&text, 1 << 20);
    assert_int_equal(api_openapi_write(a, &text, tables, 1, "/").code, SUT_E_NOMEM);
    sut_buf_done(&text);
    sut_arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_is_what_its_schema_checks),
        cmocka_unit_test(an_answer_requires_all_that_is_not_optional),
        cmocka_unit_test(each_path_of_a_row_is_an_operation_of_its_own),
        cmocka_unit_test(errors_have_the_shape_of_the_paths_contract),
        cmocka_unit_test(the_document_says_what_it_is_and_where),
        cmocka_unit_test(browser_mode_is_told_where_it_is_understood),
        cmocka_unit_test(a_document_without_room_is_an_error),
    };
    return cmocka_run_group_tests_name("api/openapi", tests, NULL, NULL);
}
