/* SPDX-License-Identifier: Apache-2.0
 *
 * shown_int - what of the catalogue the public may see, as a condition on a
 * product p: for the statements of this layer alone.
 */
#ifndef SUT_STORE_SHOWN_INT_H
#define SUT_STORE_SHOWN_INT_H

#define SUT_STORE_HIDDEN_CATEGORIES_SELECT                                                         \
    "WITH RECURSIVE hidden (id) AS (SELECT id FROM categories WHERE is_active = 0"                 \
    " UNION SELECT k.id FROM categories k JOIN hidden h ON k.parent_id = h.id)"                    \
    " SELECT id FROM hidden"

#define SUT_STORE_HIDDEN_CATEGORIES "(" SUT_STORE_HIDDEN_CATEGORIES_SELECT ")"

#define SUT_STORE_SHOWN "p.is_active = 1 AND p.category_id NOT IN " SUT_STORE_HIDDEN_CATEGORIES

#endif
