/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "db/reach.h"

static struct sut_db_reach reach;

static int teardown(void **state)
{
    (void) state;
    sut_db_reach_done(&reach);
    return 0;
}

static void find(const char *dsn, bool resolve)
{
    struct sut_diag diag = { 0 };
    const sut_err e = sut_db_reach_find(dsn, resolve, &reach, &diag);
    if (sut_failed(e))
        fail_msg("%s: %s", dsn, diag.text);
}

static bool says(const char *text)
{
    const sut_str s = sut_secret_str(reach.dsn);
    return memmem(s.p, s.n, text, strlen(text)) != NULL;
}

static void names_become_addresses(void **state)
{
    (void) state;
    find("postgresql://shop:a%27b%5Cc@localhost:5433/store?sslmode=verify-full", true);
    assert_true(says("127.0.0.1"));
    assert_true(says("host='localhost"));
    assert_true(says("user='shop'"));
    assert_true(says("dbname='store'"));
    assert_true(says("sslmode='verify-full'"));
    assert_true(says("password='a\\'b\\\\c'"));
    assert_int_equal(reach.n_ports, 1);
    assert_int_equal(reach.ports[0], 5433);
}

static void hosts_keep_their_ports(void **state)
{
    (void) state;
    find("host=127.0.0.1,/run/pg,127.0.0.2 port=1,2,3 user=shop", true);
    assert_true(says("host='127.0.0.1,/run/pg,127.0.0.2'"));
    assert_true(says("hostaddr='127.0.0.1,,127.0.0.2'"));
    assert_true(says("port='1,2,3'"));
    assert_int_equal(reach.n_ports, 3);
    sut_db_reach_done(&reach);
    find("host=127.0.0.1,127.0.0.2 port=7", true);
    assert_true(says("port='7,7'"));
    assert_int_equal(reach.n_ports, 1);
}

static void without_a_port_it_is_the_usual_one(void **state)
{
    (void) state;
    find("postgresql:///store", false);
    assert_int_equal(reach.n_ports, 1);
    assert_int_equal(reach.ports[0], 5432);
    assert_null(reach.dsn);
}

static void given_addresses_stand(void **state)
{
    (void) state;
    find("host=no.such.name.invalid hostaddr=127.0.0.1 port=9", true);
    assert_true(says("hostaddr=127.0.0.1"));
}

static void files_of_tls_are_found(void **state)
{
    (void) state;
    find("host=127.0.0.1 sslrootcert=/etc/shop/ca.pem sslkey=/etc/shop/k.pem", false);
    assert_true(reach.n_files >= 2);
    assert_string_equal(reach.files[0], "/etc/shop/ca.pem");
    assert_string_equal(reach.files[1], "/etc/shop/k.pem");
}

static void what_leads_nowhere_is_refused(void **state)
{
    (void) state;
    struct sut_diag diag = { 0 };
    assert_int_equal(
        sut_db_reach_find("postgresql://u:secret@no.such.name.invalid/d", true, &reach, &diag).code,
        SUT_E_UNAVAILABLE);
    assert_null(strstr(diag.text, "secret"));
    assert_int_equal(sut_db_reach_find("postgresql://u:p@[", true, &reach, &diag).code,
                     SUT_E_INVALID);
    assert_true(sut_failed(sut_db_reach_find("host=a port=70000", false, &reach, &diag)));
    assert_true(sut_failed(sut_db_reach_find(
        "host=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17 port=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,"
        "16,17",
        false, &reach, &diag)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(names_become_addresses, teardown),
        cmocka_unit_test_teardown(hosts_keep_their_ports, teardown),
        cmocka_unit_test_teardown(without_a_port_it_is_the_usual_one, teardown),
        cmocka_unit_test_teardown(given_addresses_stand, teardown),
        cmocka_unit_test_teardown(files_of_tls_are_found, teardown),
        cmocka_unit_test_teardown(what_leads_nowhere_is_refused, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
