/* SPDX-License-Identifier: Apache-2.0
 *
 * What the shop sells, on its front page: the newest products that have a picture.  A demo draws
 * its pictures after its start, so a page that came before them looks again.
 */
"use strict";
(() => {
  const SHOWN = 12;
  const LOOKS = 6;
  const PAUSE_MS = 2500;
  const shelf = document.getElementById("shelf");

  /* By path alone: the page may be called by another of the server's names. */
  const here = (url) => {
    const u = new URL(url, location.href);
    return u.pathname + u.search;
  };

  const card = (product) => {
    const figure = document.createElement("figure");
    const link = document.createElement("a");
    const image = document.createElement("img");
    const name = document.createElement("figcaption");
    const price = document.createElement("b");
    link.href = `/api/catalog/products/${product.id}/`;
    image.src = here(product.images[0].thumbnail);
    image.alt = "";
    image.loading = "lazy";
    name.textContent = product.name;
    price.textContent = product.base_price;
    link.append(image, name);
    figure.append(link, price);
    return figure;
  };

  const look = async (left) => {
    const answer = await fetch(`/api/catalog/products/?page_size=${4 * SHOWN}`);
    if (!answer.ok) return;
    const products = (await answer.json()).results;
    const pictured = products.filter((p) => p.images.length > 0).slice(0, SHOWN);
    shelf.replaceChildren(...pictured.map(card));
    document.getElementById("shop").hidden = pictured.length === 0;
    if (pictured.length < Math.min(SHOWN, products.length) && left > 1)
      setTimeout(() => look(left - 1), PAUSE_MS);
  };

  look(LOOKS).catch(() => {});
})();
