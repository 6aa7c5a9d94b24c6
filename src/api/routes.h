/* SPDX-License-Identifier: Apache-2.0
 *
 * routes - every row of the API, in one list.
 */
#ifndef SUT_API_ROUTES_H
#define SUT_API_ROUTES_H

#include "guard/route.h"
#include "http/router.h"

/* The tables of all resources, in the order of the documents. */
extern const struct sut_routes *const api_tables[];
extern const size_t api_tables_n;

extern const struct sut_routes api_modestwear_account_routes;
extern const struct sut_routes api_modestwear_social_routes;
extern const struct sut_routes api_modestwear_cart_routes;
extern const struct sut_routes api_modestwear_catalog_routes;
extern const struct sut_routes api_modestwear_links_routes;
extern const struct sut_routes api_modestwear_factor_routes;
extern const struct sut_routes api_modestwear_orders_routes;
extern const struct sut_routes api_modestwear_outfit_changes_routes;
extern const struct sut_routes api_modestwear_outfits_routes;
extern const struct sut_routes api_modestwear_passkey_routes;
extern const struct sut_routes api_modestwear_sessions_routes;
extern const struct sut_routes api_modestwear_webhook_routes;
extern const struct sut_routes api_modestwear_wishlist_routes;
extern const struct sut_routes api_nsgg_address_routes;
extern const struct sut_routes api_nsgg_auth_routes;
extern const struct sut_routes api_nsgg_bulk_routes;
extern const struct sut_routes api_nsgg_categories_routes;
extern const struct sut_routes api_nsgg_images_routes;
extern const struct sut_routes api_nsgg_products_routes;
extern const struct sut_routes api_nsgg_variants_routes;
extern const struct sut_routes api_nsgg_orders_routes;
extern const struct sut_routes api_nsgg_password_routes;
extern const struct sut_routes api_nsgg_payment_routes;
extern const struct sut_routes api_nsgg_people_routes;
extern const struct sut_routes api_ops_health_routes;
extern const struct sut_routes api_ops_media_routes;
extern const struct sut_routes api_ops_pages_routes;

/* A router over all rows and their aliases.  The caller frees it. */
SUT_ERR api_router_create(struct sut_router **ret);

#endif
