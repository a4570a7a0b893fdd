class Live:
    def __init__(self, engine): self.engine=engine
