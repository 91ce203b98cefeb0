"""Everything put together: ``twofold run worker --app twofold.examples.shop.app:app``."""

from __future__ import annotations

from twofold import App
from twofold.examples.shop.questions import customer_orders, get_order, order_stats, sales_by_month, top_items
from twofold.examples.shop.read_models import ItemSales, OrderDetails, OrderList, SalesAnalytics
from twofold.examples.shop.write_model import BadDebt, Customer, Holding, Order, WriteOff

DECIDERS = (Customer, Order, Holding, BadDebt, WriteOff)
READ_MODELS = (OrderList, OrderDetails, SalesAnalytics, ItemSales)
ANSWERS = (get_order, customer_orders, order_stats, sales_by_month, top_items)


def shop(store: str = "sqlite:///shop.db") -> App:
    """The shop on a database: a file beside you, or ``postgresql://…``. Nothing is opened before it is started."""
    return App(*DECIDERS, *READ_MODELS, *ANSWERS, store=store)


app = shop()
