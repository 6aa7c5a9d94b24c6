/* SPDX-License-Identifier: Apache-2.0 */
#include "store/migrate.h"

SUT_ERR sut_store_seal_rows(struct sut_db_conn *c, const struct sut_migrate_env *env,
                            struct sut_diag *reterr_diag)
{
    (void) c;
    (void) env;
    (void) reterr_diag;
    return SUT_OK;
}

SUT_ERR sut_store_wipe_plain(struct sut_db_conn *c, const struct sut_migrate_env *env,
                             struct sut_diag *reterr_diag)
{
    (void) c;
    (void) env;
    (void) reterr_diag;
    return SUT_OK;
}
