/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_init - the folders, the keys and the store, made without serving.
 */
#include <stdio.h>

#include "prog/boot.h"
#include "prog/options.h"
#include "prog/own_keeper.h"

static const char init_usage[] =
    "usage: sutler init [--data DIR] [--keys DIR] [--config FILE] [--preset NAME]\n\n"
    "Make the data folder, the keys and the store, unless they are there.\n"
    "The keys folder is never inside the data folder: keep a copy of it elsewhere.\n";

static const char migrate_usage[] =
    "usage: sutler migrate [--data DIR] [--keys DIR] [--config FILE]\n\n"
    "Bring the store up to this program's schema.  `serve` does the same at its start.\n";

static int open_and_tell(const struct sut_command *cmd, int argc, char **argv, unsigned flags)
{
    struct sut_options o;
    const int code = sut_options_parse(cmd, argc, argv, &o);
    if (code != SUT_EXIT_OK || o.help)
        return code;
    if (o.n_rest > 0)
        return sut_command_usage(cmd, "%s is not expected here", o.rest[0]);
    DEFER(sut_config_free) struct sut_config *config = sut_options_config(&o, false);
    if (config == NULL)
        return SUT_EXIT_FAILED;
    DEFER(sut_own_keeper_stop) struct sut_own_keeper *keeper = NULL;
    DEFER(sut_boot_done) struct sut_boot boot = { 0 };
    struct sut_diag diag = { 0 };
    if (sut_failed(sut_own_keeper_start(config, flags, &keeper, &diag)) ||
        sut_failed(sut_boot_open(config, flags, sut_own_keeper_of(keeper), &boot, &diag)))
        return sut_command_fail(&diag);
    if (o.json)
        (void) printf("{\"version\":%lld}\n", (long long) sut_store_version(boot.store));
    else
        (void) printf("the store is ready, schema %lld\n",
                      (long long) sut_store_version(boot.store));
    return fflush(stdout) == 0 ? SUT_EXIT_OK : sut_command_unprinted();
}

static int run_init(int argc, char **argv)
{
    return open_and_tell(&sut_cmd_init, argc, argv, SUT_BOOT_CREATE | SUT_BOOT_MIGRATE);
}

static int run_migrate(int argc, char **argv)
{
    return open_and_tell(&sut_cmd_migrate, argc, argv, SUT_BOOT_MIGRATE | SUT_BOOT_TELL);
}

const struct sut_command sut_cmd_init = {
    .name = "init",
    .summary = "make the store and its keys",
    .usage = init_usage,
    .run = run_init,
};

const struct sut_command sut_cmd_migrate = {
    .name = "migrate",
    .summary = "bring the store up to this program's schema",
    .usage = migrate_usage,
    .run = run_migrate,
};
