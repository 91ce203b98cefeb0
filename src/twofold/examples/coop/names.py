"""Names for families that are made up."""

from __future__ import annotations

FAMILY_NAMES = (
    "Abbott", "Adeyemi", "Ahmed", "Alvarez", "Bauer", "Becker", "Bennett", "Brandt", "Castillo", "Chen", "Cohen",
    "Cooper", "Costa", "Dalton", "Diaz", "Dubois", "Edwards", "Eriksen", "Farrell", "Fischer", "Fofanah", "Garcia",
    "Goldberg", "Gupta", "Haddad", "Hansen", "Hughes", "Ibrahim", "Ito", "Jensen", "Johansson", "Kaplan", "Kim",
    "Kowalski", "Larsen", "Lehmann", "Lopez", "MacLeod", "Marin", "Mbeki", "Meyer", "Moreau", "Murphy", "Nakamura",
    "Nguyen", "Novak", "Okafor", "Oliveira", "Ortiz", "Park", "Patel", "Petrov", "Quinn", "Ramirez", "Rossi",
    "Sato", "Schmidt", "Silva", "Singh", "Smith", "Svensson", "Tanaka", "Thompson", "Torres", "Ueda", "Vargas",
    "Virtanen", "Wagner", "Walker", "Weber", "Williams", "Yamada", "Yilmaz", "Zhang", "Ziegler",
)  # fmt: skip

FIRST_NAMES = (
    "Ada", "Aisha", "Alice", "Amir", "Ana", "Anders", "Ben", "Bo", "Carla", "Chloe", "Clara", "Daniel", "David",
    "Diego", "Eli", "Elena", "Emma", "Erik", "Eva", "Felix", "Finn", "Freya", "Grace", "Hana", "Hugo", "Ida",
    "Isaac", "Ines", "Jack", "James", "Jonas", "Julia", "Kai", "Karim", "Lara", "Leo", "Lily", "Lucas", "Luna",
    "Maria", "Max", "Maya", "Mia", "Miguel", "Mina", "Nadia", "Nina", "Noah", "Nora", "Olga", "Oliver", "Omar",
    "Oscar", "Paula", "Pedro", "Priya", "Rosa", "Ruben", "Ruth", "Sam", "Sara", "Sofia", "Tariq", "Theo", "Tom",
    "Uma", "Vera", "Victor", "Wren", "Yara", "Yusuf", "Zoe",
)  # fmt: skip

COORDINATORS = ("Mae Lindqvist", "Jorge Prado", "Ruth Ainsworth", "Sunil Rao")

ACTIVITIES = ("library", "field trip", "science fair", "kitchen", "theatre", "garden")
